import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvertiserEntity } from '../advertisers/advertiser.entity';
import { AdvertiserRepository } from '../advertisers/advertiser.repository';
import { CreativeEntity } from '../creatives/creative.entity';
import { CreativeRepository } from '../creatives/creative.repository';
import { CampaignEntity } from './campaign.entity';
import { CampaignRepository } from './campaign.repository';

/** What ad ops writes, as stored. The API over it is `CampaignsHttpModule`, because a change publishes a snapshot. */
@Module({
  imports: [TypeOrmModule.forFeature([AdvertiserEntity, CampaignEntity, CreativeEntity])],
  providers: [AdvertiserRepository, CampaignRepository, CreativeRepository],
  exports: [AdvertiserRepository, CampaignRepository, CreativeRepository],
})
export class CampaignsModule {}
